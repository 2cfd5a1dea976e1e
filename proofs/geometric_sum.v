From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.geometric_sum: Coq 8.16.1, as stated *)
(* step.geometric_sum: \textstyle\sum_{j<T} a^j \le T \max(1, a)^{T-1} *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_geometric_sum_1 :   1 <= 1.
Proof.
  intros.
  enough (0 <= 0) by lra.
  lra.
Qed.

Theorem step_geometric_sum_2 : forall a : R,
  0 <= a <= 2 ->
  (a + 1) <= (2 * (Rmax a 1)).
Proof.
  intros.
  enough (0 <= ((2 * (Rmax a 1)) - (a + 1))) by lra.
  destruct (Rle_lt_dec (a) (1)) as [C|C]; [rewrite (Rmax_right (a) (1)) by lra | rewrite (Rmax_left (a) (1)) by lra].
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * (((1 - a) / 1))) by nonnegative.
  replace (((2 * 1) - (a + 1))) with (((1) * (((1 - a) / 1))) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1))) by nonnegative.
  replace (((2 * a) - (a + 1))) with (((1) * ((a - 1))) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
Qed.

Theorem step_geometric_sum_3 : forall a : R,
  0 <= a <= 2 ->
  ((a * (a + 1)) + 1) <= (3 * ((Rmax a 1) ^ 2)).
Proof.
  intros.
  enough (0 <= ((3 * ((Rmax a 1) ^ 2)) - ((a * (a + 1)) + 1))) by lra.
  destruct (Rle_lt_dec (a) (1)) as [C|C]; [rewrite (Rmax_right (a) (1)) by lra | rewrite (Rmax_left (a) (1)) by lra].
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * (((1 - a) / 1)) * (3 * ((a - 0) / 1) + 2 * ((1 - a) / 1))) by nonnegative.
  replace (((3 * (1 ^ 2)) - ((a * (a + 1)) + 1))) with (((1) * (((1 - a) / 1)) * (3 * ((a - 0) / 1) + 2 * ((1 - a) / 1))) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1)) * (2 * (a - 1) + 3)) by nonnegative.
  replace (((3 * (a ^ 2)) - ((a * (a + 1)) + 1))) with (((1) * ((a - 1)) * (2 * (a - 1) + 3)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
Qed.

Theorem step_geometric_sum_4 : forall a : R,
  0 <= a <= 2 ->
  ((a * ((a * (a + 1)) + 1)) + 1) <= (4 * ((Rmax a 1) ^ 3)).
Proof.
  intros.
  enough (0 <= ((4 * ((Rmax a 1) ^ 3)) - ((a * ((a * (a + 1)) + 1)) + 1))) by lra.
  destruct (Rle_lt_dec (a) (1)) as [C|C]; [rewrite (Rmax_right (a) (1)) by lra | rewrite (Rmax_left (a) (1)) by lra].
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * (((1 - a) / 1)) * (6 * ((a - 0) / 1) ^ 2 + 8 * ((a - 0) / 1) * ((1 - a) / 1) + 3 * ((1 - a) / 1) ^ 2)) by nonnegative.
  replace (((4 * (1 ^ 3)) - ((a * ((a * (a + 1)) + 1)) + 1))) with (((1) * (((1 - a) / 1)) * (6 * ((a - 0) / 1) ^ 2 + 8 * ((a - 0) / 1) * ((1 - a) / 1) + 3 * ((1 - a) / 1) ^ 2)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1)) * (3 * (a - 1) ^ 2 + 8 * (a - 1) + 6)) by nonnegative.
  replace (((4 * (a ^ 3)) - ((a * ((a * (a + 1)) + 1)) + 1))) with (((1) * ((a - 1)) * (3 * (a - 1) ^ 2 + 8 * (a - 1) + 6)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
Qed.

Theorem step_geometric_sum_5 : forall a : R,
  0 <= a <= 2 ->
  ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1) <= (5 * ((Rmax a 1) ^ 4)).
Proof.
  intros.
  enough (0 <= ((5 * ((Rmax a 1) ^ 4)) - ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1))) by lra.
  destruct (Rle_lt_dec (a) (1)) as [C|C]; [rewrite (Rmax_right (a) (1)) by lra | rewrite (Rmax_left (a) (1)) by lra].
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * (((1 - a) / 1)) * (10 * ((a - 0) / 1) ^ 3 + 20 * ((a - 0) / 1) ^ 2 * ((1 - a) / 1) + 15 * ((a - 0) / 1) * ((1 - a) / 1) ^ 2 + 4 * ((1 - a) / 1) ^ 3)) by nonnegative.
  replace (((5 * (1 ^ 4)) - ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1))) with (((1) * (((1 - a) / 1)) * (10 * ((a - 0) / 1) ^ 3 + 20 * ((a - 0) / 1) ^ 2 * ((1 - a) / 1) + 15 * ((a - 0) / 1) * ((1 - a) / 1) ^ 2 + 4 * ((1 - a) / 1) ^ 3)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
  { assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * ((a - 1)) * (4 * (a - 1) ^ 3 + 15 * (a - 1) ^ 2 + 20 * (a - 1) + 10)) by nonnegative.
  replace (((5 * (a ^ 4)) - ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1))) with (((1) * ((a - 1)) * (4 * (a - 1) ^ 3 + 15 * (a - 1) ^ 2 + 20 * (a - 1) + 10)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
Qed.
