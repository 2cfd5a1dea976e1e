From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.leverage_quarter: Coq 8.16.1, as stated *)
(* step.leverage_quarter: \frac{1}{1 - t} \le 4, \; t \le 3/4 *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_leverage_quarter : forall t : R,
  0 <= t <= (3 / 4) ->
  (1 / (1 - t)) <= 4.
Proof.
  intros.
  enough (0 <= (4 - (1 / (1 - t)))) by lra.
  assert (Q : 0 < (1) * ((1 / 4) * ((t - 0) / (3 / 4)) + (((3 / 4) - t) / (3 / 4)))) by positive.
  assert (P : 0 <= (1) * (3 * (((3 / 4) - t) / (3 / 4)))) by nonnegative.
  replace ((4 - (1 / (1 - t)))) with (((1) * (3 * (((3 / 4) - t) / (3 / 4)))) / ((1) * ((1 / 4) * ((t - 0) / (3 / 4)) + (((3 / 4) - t) / (3 / 4))))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
