From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.ramp_secant: Coq 8.16.1, as stated *)
(* step.ramp_secant: 0 \le r(z) - r(z + d) \le d, \; r(z) = \min(1, (1 - z)_+) *)

Theorem step_ramp_secant_1 : forall z d : R,
  (-4) <= z <= 4 ->
  0 <= d <= 4 ->
  0 <= ((Rmin (Rmax (1 - z) 0) 1) - (Rmin (Rmax (1 - (z + d)) 0) 1)).
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.

Theorem step_ramp_secant_2 : forall z d : R,
  (-4) <= z <= 4 ->
  0 <= d <= 4 ->
  ((Rmin (Rmax (1 - z) 0) 1) - (Rmin (Rmax (1 - (z + d)) 0) 1)) <= d.
Proof.
  intros; unfold Rmax, Rmin, Rabs in *; repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra.
Qed.
