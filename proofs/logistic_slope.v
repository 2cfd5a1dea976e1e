From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.logistic_slope: Coq 8.16.1, as stated *)
(* step.logistic_slope: \sigma (1 - \sigma) \le 1/4, \; \sigma \in [0, 1] *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_logistic_slope : forall sigma : R,
  0 <= sigma <= 1 ->
  (sigma * (1 - sigma)) <= (1 / 4).
Proof.
  intros.
  enough (0 <= ((1 / 4) - (sigma * (1 - sigma)))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= ((1 / 4)) * (2 * (sigma - 0) + (-1)) ^ 2) by nonnegative.
  replace (((1 / 4) - (sigma * (1 - sigma)))) with ((((1 / 4)) * (2 * (sigma - 0) + (-1)) ^ 2) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
