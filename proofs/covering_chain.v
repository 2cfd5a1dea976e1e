From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.covering_chain: Coq 8.16.1, as stated *)
(* step.covering_chain: \log(1 + 2 x) \le \log(1 + x) + \log 2 *)

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

Theorem step_covering_chain : forall x : R,
  0 <= x <= 1048576 ->
  (ln (1 + (2 * x))) <= ((ln (1 + x)) + (ln 2)).
Proof.
  intros; rewrite <- ln_mult by lra; apply ln_up; lra.
Qed.
