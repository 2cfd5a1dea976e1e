From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.logistic_slope: Coq 8.16.1, as stated *)
(* step.logistic_slope: \sigma (1 - \sigma) \le 1/4, \; \sigma \in [0, 1] *)

Theorem step_logistic_slope : forall sigma : R,
  0 <= sigma <= 1 ->
  (sigma * (1 - sigma)) <= (1 / 4).
Proof.
  intros; pose proof (pow2_ge_0 (sigma - 1 / 2)); pose proof (pow2_ge_0 sigma); nra.
Qed.
