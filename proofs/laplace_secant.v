From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.laplace_secant: Coq 8.16.1, with the slack 1/100 *)
(* step.laplace_secant: e^{-x Y} \le (1 - Y) + Y e^{-x} *)

Theorem step_laplace_secant : forall x Y : R,
  0 <= x <= 4 ->
  0 <= Y <= 1 ->
  (exp ((- x) * Y)) <= ((1 - Y) + (Y * (exp (- x)))) + (1 / 100).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_bisect Y, i_depth 22).
Qed.
