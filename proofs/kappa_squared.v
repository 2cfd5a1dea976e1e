From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.kappa_squared: Coq 8.16.1, as stated *)
(* step.kappa_squared: \kappa^2 \le \kappa *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_kappa_squared : forall kap : R,
  0 <= kap <= 1 ->
  (kap ^ 2) <= kap.
Proof.
  intros.
  enough (0 <= (kap - (kap ^ 2))) by lra.
  assert (Q : 0 < (1)) by positive.
  assert (P : 0 <= (1) * (((kap - 0) / 1)) * (((1 - kap) / 1))) by nonnegative.
  replace ((kap - (kap ^ 2))) with (((1) * (((kap - 0) / 1)) * (((1 - kap) / 1))) / ((1))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
Qed.
