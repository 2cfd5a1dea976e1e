From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.covering_equal_split: Coq 8.16.1, as stated *)
(* step.covering_equal_split: 2 \log(1 + 2 x) \le \log(1 + x/a) + \log(1 + x/(1 - a)) *)

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

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

Theorem step_covering_equal_split : forall x a : R,
  (1 / 8) <= x <= 8 ->
  (1 / 8) <= a <= (7 / 8) ->
  (2 * (ln (1 + (2 * x)))) <= ((ln (1 + (x / a))) + (ln (1 + (x / (1 - a))))).
Proof.
  intros x a X A.
  rewrite <- ln_mult by (apply Rplus_lt_0_compat; [lra | apply Rdiv_lt_0_compat; lra]).
  replace (2 * ln (1 + 2 * x)) with (ln ((1 + 2 * x) * (1 + 2 * x))) by (rewrite ln_mult by lra; ring).
  apply ln_up; [nra|].
  enough (0 <= (1 + x / a) * (1 + x / (1 - a)) - (1 + 2 * x) * (1 + 2 * x)) by lra.
  replace ((1 + x / a) * (1 + x / (1 - a)) - (1 + 2 * x) * (1 + 2 * x)) with ((x * (x + 1) * (2 * a - 1) ^ 2) * / (a * (1 - a))) by (field; lra).
  apply Rmult_le_pos; [nonnegative | apply Rlt_le, Rinv_0_lt_compat; nra].
Qed.
