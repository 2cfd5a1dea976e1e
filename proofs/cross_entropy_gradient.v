From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.cross_entropy_gradient: Coq 8.16.1, as stated *)
(* step.cross_entropy_gradient: u^2 (1 + v^2 + (1 - v)^2) \le 2 *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_cross_entropy_gradient : forall u v : R,
  0 <= u <= 1 ->
  0 <= v <= 1 ->
  ((u ^ 2) * ((1 + (v ^ 2)) + ((1 - v) ^ 2))) <= 2.
Proof.
  intros.
  enough (0 <= (2 - ((u ^ 2) * ((1 + (v ^ 2)) + ((1 - v) ^ 2))))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (2) * (2 * ((u - 0) / 1) * ((1 - u) / 1) * ((v - 0) / 1) ^ 2 + ((1 - u) / 1) ^ 2 * ((v - 0) / 1) ^ 2 + ((u - 0) / 1) ^ 2 * ((v - 0) / 1) * ((1 - v) / 1) + 4 * ((u - 0) / 1) * ((1 - u) / 1) * ((v - 0) / 1) * ((1 - v) / 1) + 2 * ((1 - u) / 1) ^ 2 * ((v - 0) / 1) * ((1 - v) / 1) + 2 * ((u - 0) / 1) * ((1 - u) / 1) * ((1 - v) / 1) ^ 2 + ((1 - u) / 1) ^ 2 * ((1 - v) / 1) ^ 2)) by nonnegative.
  replace ((2 - ((u ^ 2) * ((1 + (v ^ 2)) + ((1 - v) ^ 2))))) with (((2) * (2 * ((u - 0) / 1) * ((1 - u) / 1) * ((v - 0) / 1) ^ 2 + ((1 - u) / 1) ^ 2 * ((v - 0) / 1) ^ 2 + ((u - 0) / 1) ^ 2 * ((v - 0) / 1) * ((1 - v) / 1) + 4 * ((u - 0) / 1) * ((1 - u) / 1) * ((v - 0) / 1) * ((1 - v) / 1) + 2 * ((1 - u) / 1) ^ 2 * ((v - 0) / 1) * ((1 - v) / 1) + 2 * ((u - 0) / 1) * ((1 - u) / 1) * ((1 - v) / 1) ^ 2 + ((1 - u) / 1) ^ 2 * ((1 - v) / 1) ^ 2)) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
