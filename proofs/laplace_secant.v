From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.laplace_secant: Coq 8.16.1, as stated *)
(* step.laplace_secant: e^{-x Y} \le (1 - Y) + Y e^{-x} *)

Theorem step_laplace_secant : forall x Y : R,
  0 <= x <= 4 ->
  0 <= Y <= 1 ->
  (exp ((- x) * Y)) <= ((1 - Y) + (Y * (exp (- x)))).
Proof.
  intros x Y X U.
  set (E := exp ((- x) * Y)).
  assert (P : 0 < E) by apply exp_pos.
  assert (A := exp_ineq1_le (x * Y)).
  assert (B := exp_ineq1_le (- x + x * Y)).
  assert (A1 : E * exp (x * Y) = 1) by (unfold E; rewrite <- exp_plus; replace ((- x) * Y + x * Y) with 0 by ring; apply exp_0).
  assert (B1 : E * exp (- x + x * Y) = exp (- x)) by (unfold E; rewrite <- exp_plus; f_equal; ring).
  assert (A2 : E * (1 + x * Y) <= 1) by (rewrite <- A1; apply Rmult_le_compat_l; lra).
  assert (B2 : E * (1 + (- x + x * Y)) <= exp (- x)) by (rewrite <- B1; apply Rmult_le_compat_l; lra).
  assert (A3 := Rmult_le_compat_l (1 - Y) _ _ ltac:(lra) A2).
  assert (B3 := Rmult_le_compat_l Y _ _ ltac:(lra) B2).
  replace E with ((1 - Y) * (E * (1 + x * Y)) + Y * (E * (1 + (- x + x * Y)))) by ring.
  lra.
Qed.
