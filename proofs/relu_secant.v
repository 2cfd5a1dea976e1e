From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.relu_secant: Coq 8.16.1, as stated *)
(* step.relu_secant: 0 \le (a + d)_+ - a_+ \le d, \; d \ge 0 *)

Theorem step_relu_secant_1 : forall a d : R,
  (-4) <= a <= 4 ->
  0 <= d <= 4 ->
  0 <= ((Rmax (a + d) 0) - (Rmax a 0)).
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.

Theorem step_relu_secant_2 : forall a d : R,
  (-4) <= a <= 4 ->
  0 <= d <= 4 ->
  ((Rmax (a + d) 0) - (Rmax a 0)) <= d.
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.
