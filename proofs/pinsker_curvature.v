From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.pinsker_curvature: Coq 8.16.1, as stated *)
(* step.pinsker_curvature: 4 \le 1/p + 1/(1 - p) *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_pinsker_curvature : forall p : R,
  (1 / 1024) <= p <= (1023 / 1024) ->
  4 <= ((1 / p) + (1 / (1 - p))).
Proof.
  intros.
  enough (0 <= (((1 / p) + (1 / (1 - p))) + (-4))) by lra.
  assert (Q : 0 < (1) * ((1023 / 1024) * ((p - (1 / 1024)) / (511 / 512)) + (1 / 1024) * (((1023 / 1024) - p) / (511 / 512))) * ((1 / 1024) * ((p - (1 / 1024)) / (511 / 512)) + (1023 / 1024) * (((1023 / 1024) - p) / (511 / 512)))) by positive.
  assert (P : 0 <= (1) * ((511 / 512) * ((p - (1 / 1024)) / (511 / 512)) + (-511 / 512) * (((1023 / 1024) - p) / (511 / 512))) ^ 2) by nonnegative.
  replace ((((1 / p) + (1 / (1 - p))) + (-4))) with (((1) * ((511 / 512) * ((p - (1 / 1024)) / (511 / 512)) + (-511 / 512) * (((1023 / 1024) - p) / (511 / 512))) ^ 2) / ((1) * ((1023 / 1024) * ((p - (1 / 1024)) / (511 / 512)) + (1 / 1024) * (((1023 / 1024) - p) / (511 / 512))) * ((1 / 1024) * ((p - (1 / 1024)) / (511 / 512)) + (1023 / 1024) * (((1023 / 1024) - p) / (511 / 512))))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
