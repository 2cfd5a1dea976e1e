From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.dof_at_most_one: Coq 8.16.1, with the slack 1/1000000 *)
(* step.dof_at_most_one: 0 \le \frac{u}{1 + u} \le 1, \; u = \mu/\lambda *)

Theorem step_dof_at_most_one_1 : forall u : R,
  0 <= u <= 1048576 ->
  0 <= (1 - (1 / (1 + u))) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_autodiff u, i_depth 12).
Qed.

Theorem step_dof_at_most_one_2 : forall u : R,
  0 <= u <= 1048576 ->
  (1 - (1 / (1 + u))) <= 1.
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_autodiff u, i_depth 12).
Qed.
