From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.kappa_squared: Coq 8.16.1, as stated *)
(* step.kappa_squared: \kappa^2 \le \kappa *)

Theorem step_kappa_squared : forall kap : R,
  0 <= kap <= 1 ->
  (kap ^ 2) <= kap.
Proof.
  intros; nra.
Qed.
