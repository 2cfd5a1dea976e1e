From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.tanh_slope: Coq 8.16.1, with the slack 1/1000000 *)
(* step.tanh_slope: 0 \le 1 - \tanh^2 x \le 1 *)

Theorem step_tanh_slope_1 : forall x : R,
  (-1048576) <= x <= 1048576 ->
  0 <= (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2)) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 12).
Qed.

Theorem step_tanh_slope_2 : forall x : R,
  (-1048576) <= x <= 1048576 ->
  (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2)) <= 1 + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 12).
Qed.
