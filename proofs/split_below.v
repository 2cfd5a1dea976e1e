From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.split_below: Coq 8.16.1, as stated *)
(* step.split_below: t \le \frac{2 t}{1 + t}, \; t = \mu/\lambda \le 1 *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_split_below : forall t : R,
  0 <= t <= 1 ->
  t <= ((2 * t) / (1 + t)).
Proof.
  intros.
  enough (0 <= (((2 * t) / (1 + t)) - t)) by lra.
  assert (Q : 0 < (1) * (2 * ((t - 0) / 1) + ((1 - t) / 1))) by positive.
  assert (P : 0 <= (1) * (((t - 0) / 1)) * (((1 - t) / 1))) by nonnegative.
  replace ((((2 * t) / (1 + t)) - t)) with (((1) * (((t - 0) / 1)) * (((1 - t) / 1))) / ((1) * (2 * ((t - 0) / 1) + ((1 - t) / 1)))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
