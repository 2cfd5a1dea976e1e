From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.hoeffding_lemma: Coq 8.16.1, as stated *)
(* step.hoeffding_lemma: 1 - p + p e^{s} \le e^{p s + s^2/8} *)

Lemma from_left : forall (f df : R -> R) (a b : R),
  (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> 0 <= df x) ->
  forall x, a <= x <= b -> f a <= f x.
Proof.
  intros f df a b D P x X.
  destruct (MVT_gen f a x df) as [c [C E]].
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra. apply D; lra.
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra.
    apply derivable_continuous_pt. exists (df y). apply is_derive_Reals, D; lra.
  - rewrite Rmin_left, Rmax_right in C by lra.
    assert (0 <= df c * (x - a)) by (apply Rmult_le_pos; [apply P|]; lra). lra.
Qed.

Lemma from_right : forall (f df : R -> R) (a b : R),
  (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> df x <= 0) ->
  forall x, a <= x <= b -> f b <= f x.
Proof.
  intros f df a b D P x X.
  destruct (MVT_gen f x b df) as [c [C E]].
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra. apply D; lra.
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra.
    apply derivable_continuous_pt. exists (df y). apply is_derive_Reals, D; lra.
  - rewrite Rmin_left, Rmax_right in C by lra.
    assert (0 <= (- df c) * (b - x)) by (apply Rmult_le_pos; [specialize (P c); lra | lra]). lra.
Qed.

Lemma from_middle : forall (f df ddf : R -> R) (a b c : R),
  (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> is_derive df x (ddf x)) ->
  (forall x, a <= x <= b -> 0 <= ddf x) ->
  a <= c <= b -> df c = 0 -> forall x, a <= x <= b -> f c <= f x.
Proof.
  intros f df ddf a b c D DD P C Z x X.
  assert (M : forall u v, a <= u <= v -> v <= b -> df u <= df v).
  { intros u v U V. apply (from_left df ddf u b); try lra; intros y Y; [apply DD | apply P]; lra. }
  destruct (Rle_dec c x) as [L|L].
  - apply (from_left f df c b); try lra; intros y Y; [apply D; lra|]. rewrite <- Z. apply M; lra.
  - apply (from_right f df a c); try lra; intros y Y; [apply D; lra|]. rewrite <- Z. apply M; lra.
Qed.

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

Theorem step_hoeffding_lemma : forall p s : R,
  0 <= p <= 1 ->
  (-4) <= s <= 4 ->
  ((1 - p) + (p * (exp s))) <= (exp ((p * s) + ((s ^ 2) / 8))).
Proof.
  intros p s P S.
  set (g := fun s => p * s + s ^ 2 / 8 - ln (1 - p + p * exp s)).
  assert (W : forall t, 0 < 1 - p + p * exp t) by (intros t; assert (E := exp_pos t); destruct (Rle_lt_dec p (1 / 2)); nra).
  apply ln_exp_below; [apply W|].
  assert (Z : g 0 = 0) by (unfold g; rewrite exp_0; replace (1 - p + p * 1) with 1 by ring; rewrite ln_1; field).
  change (0 <= g s).
  rewrite <- Z.
  unfold g.
  apply (from_middle (fun s => p * s + s ^ 2 / 8 - ln (1 - p + p * exp s)) (fun s => p + s / 4 - p * exp s / (1 - p + p * exp s)) (fun s => (1 / 2 - p * exp s / (1 - p + p * exp s)) ^ 2) (-4) 4); [| | | lra | rewrite exp_0; field; lra | lra]; intros t T; assert (E := W t).
  { auto_derive; [exact E | field; lra].
  }
  { auto_derive; [lra | field; lra].
  }
  { apply pow2_ge_0.
  }
Qed.
