From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.bernstein_function: Coq 8.16.1, as stated *)
(* step.bernstein_function: \frac{u^2}{2 (1 + u/3)} \le (1 + u) \log(1 + u) - u *)

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

Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].

Theorem step_bernstein_function : forall u : R,
  0 <= u <= 16 ->
  ((u ^ 2) / (2 * (1 + (u / 3)))) <= (((1 + u) * (ln (1 + u))) - u).
Proof.
  intros.
  enough (0 <= ((((1 + u) * (ln (1 + u))) - u) - ((u ^ 2) / (2 * (1 + (u / 3)))))) by lra.
  assert (Z : (fun u : R => ((((1 + u) * (ln (1 + u))) - u) - ((u ^ 2) / (2 * (1 + (u / 3)))))) 0 = 0) by (cbv beta; replace (1 + 0) with 1 by (field; nonzero); rewrite ln_1; try lra; try (field; repeat split; nonzero)).
  rewrite <- Z.
  apply (from_middle (fun u : R => ((((1 + u) * (ln (1 + u))) - u) - ((u ^ 2) / (2 * (1 + (u / 3)))))) (fun u : R => ((((ln (1 + u)) + ((1 + u) * (1 / (1 + u)))) + (-1)) - ((((2 * u) * (2 * (1 + (u / 3)))) - ((u ^ 2) * (2 / 3))) / ((2 * (1 + (u / 3))) ^ 2)))) (fun u : R => (((1 / (1 + u)) + ((1 / (1 + u)) + ((1 + u) * ((-1) / ((1 + u) ^ 2))))) - ((((((2 * (2 * (1 + (u / 3)))) + ((2 * u) * (2 / 3))) - ((2 * u) * (2 / 3))) * ((2 * (1 + (u / 3))) ^ 2)) - ((((2 * u) * (2 * (1 + (u / 3)))) - ((u ^ 2) * (2 / 3))) * ((2 * (2 * (1 + (u / 3)))) * (2 / 3)))) / (((2 * (1 + (u / 3))) ^ 2) ^ 2)))) 0 16); [ | | | lra | cbv beta; replace (1 + 0) with 1 by (field; nonzero); rewrite ln_1; try lra; try (field; repeat split; nonzero) | lra].
  { clear dependent u.
  intros u ?.
  auto_derive; [repeat split; nonzero || positive | field; repeat split; nonzero].
  }
  { clear dependent u.
  intros u ?.
  auto_derive; [repeat split; nonzero || positive | field; repeat split; nonzero].
  }
  { clear dependent u.
  intros u ?.
  assert (Q : 0 < (1) * ((u - 0) + 1) * ((u - 0) + 3) ^ 2 * ((u - 0) + 3)) by positive.
  assert (P : 0 <= (1) * ((u - 0) + 9) * ((u - 0)) ^ 2) by nonnegative.
  replace ((((1 / (1 + u)) + ((1 / (1 + u)) + ((1 + u) * ((-1) / ((1 + u) ^ 2))))) - ((((((2 * (2 * (1 + (u / 3)))) + ((2 * u) * (2 / 3))) - ((2 * u) * (2 / 3))) * ((2 * (1 + (u / 3))) ^ 2)) - ((((2 * u) * (2 * (1 + (u / 3)))) - ((u ^ 2) * (2 / 3))) * ((2 * (2 * (1 + (u / 3)))) * (2 / 3)))) / (((2 * (1 + (u / 3))) ^ 2) ^ 2)))) with (((1) * ((u - 0) + 9) * ((u - 0)) ^ 2) / ((1) * ((u - 0) + 1) * ((u - 0) + 3) ^ 2 * ((u - 0) + 3))) by (field; repeat split; nonzero).
  apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q].
  }
Qed.
