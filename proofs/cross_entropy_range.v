From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.cross_entropy_range: Coq 8.16.1, as stated *)
(* step.cross_entropy_range: \log\frac{1 + e^{-z}}{2} \le (-z)_+ *)

Lemma ln_up : forall x y : R, 0 < x -> x <= y -> ln x <= ln y.
Proof. intros x y X [L|L]; [left; apply ln_increasing; lra | right; now rewrite L]. Qed.

Lemma exp_up : forall x y : R, x <= y -> exp x <= exp y.
Proof. intros x y [L|L]; [left; apply exp_increasing; lra | right; now rewrite L]. Qed.

Lemma ln_difference : forall x y : R, 0 < x -> 0 < y -> ln x - ln y <= x / y - 1.
Proof.
  intros x y X Y. assert (H := exp_ineq1_le (ln x - ln y)).
  unfold Rminus in H at 2. rewrite exp_plus, exp_Ropp, !exp_ln in H by assumption.
  unfold Rdiv. lra.
Qed.

Lemma ln_exp_below : forall x y : R, 0 < x -> 0 <= y - ln x -> x <= exp y.
Proof. intros x y X H. rewrite <- (exp_ln x X). apply exp_up. lra. Qed.

Theorem step_cross_entropy_range : forall z : R,
  (-16) <= z <= 16 ->
  (ln ((1 + (exp (- z))) / 2)) <= (Rmax (- z) 0).
Proof.
  intros z Z.
  assert (P := exp_pos (- z)).
  destruct (Rle_lt_dec (- z) 0) as [C|C].
  { rewrite Rmax_right by lra.
  rewrite <- ln_1.
  apply ln_up; [lra|].
  assert (H := exp_up _ _ C).
  rewrite exp_0 in H.
  lra.
  }
  { rewrite Rmax_left by lra.
  rewrite <- (ln_exp (- z)) at 2.
  apply ln_up; [lra|].
  assert (H := exp_ineq1_le (- z)).
  lra.
  }
Qed.
