From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.cross_entropy_gradient: Coq 8.16.1, with the slack 1/1000000 *)
(* step.cross_entropy_gradient: u^2 (1 + v^2 + (1 - v)^2) \le 2 *)

Theorem step_cross_entropy_gradient : forall u v : R,
  0 <= u <= 1 ->
  0 <= v <= 1 ->
  ((u ^ 2) * ((1 + (v ^ 2)) + ((1 - v) ^ 2))) <= 2 + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_bisect v, i_depth 22).
Qed.
