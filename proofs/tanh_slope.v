From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.tanh_slope: Coq 8.16.1, as stated *)
(* step.tanh_slope: 0 \le 1 - \tanh^2 x \le 1 *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_tanh_slope_1 : forall x : R,
  (-1048576) <= x <= 1048576 ->
  0 <= (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2)).
Proof.
  intros.
  enough (0 <= (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2))) by lra.
  pose proof (exp_pos (2 * x)).
  assert (Q : 0 < (1) * ((exp (2 * x)) + 1) ^ 2) by positive.
  assert (P : 0 <= (4) * ((exp (2 * x)))) by nonnegative.
  replace ((1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2))) with (((4) * ((exp (2 * x)))) / ((1) * ((exp (2 * x)) + 1) ^ 2)) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.

Theorem step_tanh_slope_2 : forall x : R,
  (-1048576) <= x <= 1048576 ->
  (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2)) <= 1.
Proof.
  intros.
  enough (0 <= (1 - (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2)))) by lra.
  pose proof (exp_pos (2 * x)).
  assert (Q : 0 < (1) * ((exp (2 * x)) + 1) ^ 2) by positive.
  assert (P : 0 <= (1) * ((exp (2 * x)) + (-1)) ^ 2) by nonnegative.
  replace ((1 - (1 - ((1 - 2 / (exp (2 * x) + 1)) ^ 2)))) with (((1) * ((exp (2 * x)) + (-1)) ^ 2) / ((1) * ((exp (2 * x)) + 1) ^ 2)) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
