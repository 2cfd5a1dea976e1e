From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.logistic_range: Coq 8.16.1, with the slack 1/1000000 *)
(* step.logistic_range: 0 \le 1/(1 + e^{-x}) \le 1 *)

Theorem step_logistic_range_1 : forall x : R,
  (-64) <= x <= 64 ->
  0 <= (1 / (1 + (exp (- x)))).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 12).
Qed.

Theorem step_logistic_range_2 : forall x : R,
  (-64) <= x <= 64 ->
  (1 / (1 + (exp (- x)))) <= 1 + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 12).
Qed.
