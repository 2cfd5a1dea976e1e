From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.dof_convex: Coq 8.16.1, as stated *)
(* step.dof_convex: 2 (1 + 2 s) \le (1 + s) (2 + 2 s), \; s \ge 0 *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_dof_convex : forall s : R,
  0 <= s <= 1048576 ->
  (2 * (1 + (2 * s))) <= ((1 + s) * (2 + (2 * s))).
Proof.
  intros.
  enough (0 <= (((1 + s) * (2 + (2 * s))) - (2 * (1 + (2 * s))))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (2) * ((s - 0)) ^ 2) by nonnegative.
  replace ((((1 + s) * (2 + (2 * s))) - (2 * (1 + (2 * s))))) with (((2) * ((s - 0)) ^ 2) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
