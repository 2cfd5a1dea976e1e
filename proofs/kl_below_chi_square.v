From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.kl_below_chi_square: Coq 8.16.1, as stated *)
(* step.kl_below_chi_square: \mathrm{kl}(p \| q) \le (p - q)^2/(q (1 - q)) *)

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

Theorem step_kl_below_chi_square : forall p q : R,
  (5764607523034235 / 576460752303423488) <= p <= (4458563631096791 / 4503599627370496) ->
  (5764607523034235 / 576460752303423488) <= q <= (4458563631096791 / 4503599627370496) ->
  ((p * ((ln p) - (ln q))) + ((1 - p) * ((ln (1 + (- p))) - (ln (1 + (- q)))))) <= (((p - q) ^ 2) / (q * (1 - q))).
Proof.
  intros p q P Q.
  assert (A := Rmult_le_compat_l p _ _ ltac:(lra) (ln_difference p q ltac:(lra) ltac:(lra))).
  assert (B := Rmult_le_compat_l (1 - p) _ _ ltac:(lra) (ln_difference (1 + (- p)) (1 + (- q)) ltac:(lra) ltac:(lra))).
  replace ((p - q) ^ 2 / (q * (1 - q))) with (p * (p / q - 1) + (1 - p) * ((1 + (- p)) / (1 + (- q)) - 1)) by (field; repeat split; lra).
  lra.
Qed.
