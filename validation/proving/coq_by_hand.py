"""Proofs for Coq that were written by hand, by the id of the claim.

Statements come from the claims' bodies all the same; what stands here Coq checks like every proof.
"""

from __future__ import annotations

LEMMAS = """Lemma ln_up : forall x y : R, 0 < x -> x <= y -> ln x <= ln y.
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
"""

BY_HAND: dict[str, str] = {
    "step.covering_chain": "intros; rewrite <- ln_mult by lra; apply ln_up; lra.",
    "step.covering_equal_split": (
        "intros x a X A. rewrite <- ln_mult by "
        "(apply Rplus_lt_0_compat; [lra | apply Rdiv_lt_0_compat; lra]). "
        "replace (2 * ln (1 + 2 * x)) with (ln ((1 + 2 * x) * (1 + 2 * x))) "
        "by (rewrite ln_mult by lra; ring). "
        "apply ln_up; [nra|]. "
        "enough (0 <= (1 + x / a) * (1 + x / (1 - a)) - (1 + 2 * x) * (1 + 2 * x)) by lra. "
        "replace ((1 + x / a) * (1 + x / (1 - a)) - (1 + 2 * x) * (1 + 2 * x)) "
        "with ((x * (x + 1) * (2 * a - 1) ^ 2) * / (a * (1 - a))) by (field; lra). "
        "apply Rmult_le_pos; [nonnegative | apply Rlt_le, Rinv_0_lt_compat; nra]."
    ),
    "step.cross_entropy_range": (
        "intros z Z. assert (P := exp_pos (- z)). destruct (Rle_lt_dec (- z) 0) as [C|C]. "
        "{ rewrite Rmax_right by lra. rewrite <- ln_1. apply ln_up; [lra|]. "
        "assert (H := exp_up _ _ C). rewrite exp_0 in H. lra. } "
        "{ rewrite Rmax_left by lra. rewrite <- (ln_exp (- z)) at 2. apply ln_up; [lra|]. "
        "assert (H := exp_ineq1_le (- z)). lra. }"
    ),
    "step.laplace_secant": (
        "intros x Y X U. set (E := exp ((- x) * Y)). assert (P : 0 < E) by apply exp_pos. "
        "assert (A := exp_ineq1_le (x * Y)). assert (B := exp_ineq1_le (- x + x * Y)). "
        "assert (A1 : E * exp (x * Y) = 1) by (unfold E; rewrite <- exp_plus; "
        "replace ((- x) * Y + x * Y) with 0 by ring; apply exp_0). "
        "assert (B1 : E * exp (- x + x * Y) = exp (- x)) by (unfold E; rewrite <- exp_plus; "
        "f_equal; ring). "
        "assert (A2 : E * (1 + x * Y) <= 1) by (rewrite <- A1; apply Rmult_le_compat_l; lra). "
        "assert (B2 : E * (1 + (- x + x * Y)) <= exp (- x)) by "
        "(rewrite <- B1; apply Rmult_le_compat_l; lra). "
        "assert (A3 := Rmult_le_compat_l (1 - Y) _ _ ltac:(lra) A2). "
        "assert (B3 := Rmult_le_compat_l Y _ _ ltac:(lra) B2). "
        "replace E with ((1 - Y) * (E * (1 + x * Y)) + Y * (E * (1 + (- x + x * Y)))) by ring. lra."
    ),
    "step.kl_below_chi_square": (
        "intros p q P Q. "
        "assert (A := Rmult_le_compat_l p _ _ ltac:(lra) "
        "(ln_difference p q ltac:(lra) ltac:(lra))). "
        "assert (B := Rmult_le_compat_l (1 - p) _ _ ltac:(lra) "
        "(ln_difference (1 + (- p)) (1 + (- q)) ltac:(lra) ltac:(lra))). "
        "replace ((p - q) ^ 2 / (q * (1 - q))) with "
        "(p * (p / q - 1) + (1 - p) * ((1 + (- p)) / (1 + (- q)) - 1)) "
        "by (field; repeat split; lra). lra."
    ),
    "step.massart_cosh": (
        "intros x X. apply ln_exp_below; "
        "[assert (A := exp_pos x); assert (B := exp_pos (- x)); lra|]. "
        "assert (Z : (fun x => x ^ 2 / 2 - ln ((exp x + exp (- x)) / 2)) 0 = 0) by (cbv beta; "
        "rewrite Ropp_0, exp_0; replace ((1 + 1) / 2) with 1 by field; rewrite ln_1; field). "
        "rewrite <- Z. apply (from_middle (fun x => x ^ 2 / 2 - ln ((exp x + exp (- x)) / 2)) "
        "(fun x => x - (exp x - exp (- x)) / (exp x + exp (- x))) "
        "(fun x => ((exp x - exp (- x)) / (exp x + exp (- x))) ^ 2) (-4) 4); "
        "[| | | lra | rewrite Ropp_0, exp_0; field; lra | lra]; clear; intros x X; "
        "assert (A := exp_pos x); assert (B := exp_pos (- x)). "
        "{ auto_derive; [lra | field; lra]. } "
        "{ auto_derive; [lra | field; lra]. } "
        "{ apply pow2_ge_0. }"
    ),
    "step.hoeffding_lemma": (
        "intros p s P S. set (g := fun s => p * s + s ^ 2 / 8 - ln (1 - p + p * exp s)). "
        "assert (W : forall t, 0 < 1 - p + p * exp t) by (intros t; assert (E := exp_pos t); "
        "destruct (Rle_lt_dec p (1 / 2)); nra). "
        "apply ln_exp_below; [apply W|]. "
        "assert (Z : g 0 = 0) by (unfold g; rewrite exp_0; "
        "replace (1 - p + p * 1) with 1 by ring; rewrite ln_1; field). "
        "change (0 <= g s). rewrite <- Z. unfold g. "
        "apply (from_middle (fun s => p * s + s ^ 2 / 8 - ln (1 - p + p * exp s)) "
        "(fun s => p + s / 4 - p * exp s / (1 - p + p * exp s)) "
        "(fun s => (1 / 2 - p * exp s / (1 - p + p * exp s)) ^ 2) (-4) 4); "
        "[| | | lra | rewrite exp_0; field; lra | lra]; intros t T; assert (E := W t). "
        "{ auto_derive; [exact E | field; lra]. } "
        "{ auto_derive; [lra | field; lra]. } "
        "{ apply pow2_ge_0. }"
    ),
}
