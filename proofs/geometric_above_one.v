From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.geometric_above_one: Coq 8.16.1, as stated *)
(* step.geometric_above_one: T \le \textstyle\sum_{j<T} a^j, \; a \ge 1 *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_geometric_above_one_1 :   1 <= 1.
Proof.
  intros.
  enough (0 <= 0) by lra.
  lra.
Qed.

Theorem step_geometric_above_one_2 : forall a : R,
  1 <= a <= 2 ->
  2 <= (a + 1).
Proof.
  intros.
  enough (0 <= ((a + 1) + (-2))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1))) by nonnegative.
  replace (((a + 1) + (-2))) with (((1) * ((a - 1))) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.

Theorem step_geometric_above_one_3 : forall a : R,
  1 <= a <= 2 ->
  3 <= ((a * (a + 1)) + 1).
Proof.
  intros.
  enough (0 <= (((a * (a + 1)) + 1) + (-3))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1)) * ((a - 1) + 3)) by nonnegative.
  replace ((((a * (a + 1)) + 1) + (-3))) with (((1) * ((a - 1)) * ((a - 1) + 3)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.

Theorem step_geometric_above_one_4 : forall a : R,
  1 <= a <= 2 ->
  4 <= ((a * ((a * (a + 1)) + 1)) + 1).
Proof.
  intros.
  enough (0 <= (((a * ((a * (a + 1)) + 1)) + 1) + (-4))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1)) * ((a - 1) ^ 2 + 4 * (a - 1) + 6)) by nonnegative.
  replace ((((a * ((a * (a + 1)) + 1)) + 1) + (-4))) with (((1) * ((a - 1)) * ((a - 1) ^ 2 + 4 * (a - 1) + 6)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.

Theorem step_geometric_above_one_5 : forall a : R,
  1 <= a <= 2 ->
  5 <= ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1).
Proof.
  intros.
  enough (0 <= (((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1) + (-5))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1)) * ((a - 1) ^ 3 + 5 * (a - 1) ^ 2 + 10 * (a - 1) + 10)) by nonnegative.
  replace ((((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1) + (-5))) with (((1) * ((a - 1)) * ((a - 1) ^ 3 + 5 * (a - 1) ^ 2 + 10 * (a - 1) + 10)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
