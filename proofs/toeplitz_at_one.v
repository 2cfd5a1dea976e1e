From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.toeplitz_at_one: Coq 8.16.1, as stated *)
(* step.toeplitz_at_one: 1 \le 2 (T - 1) \sin\frac{\pi}{4 T - 2}, \; T \ge 3 *)

Theorem step_toeplitz_at_one_1 :   1 <= (4 * (sin (PI / 10))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_2 :   1 <= (6 * (sin (PI / 14))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_3 :   1 <= (8 * (sin (PI / 18))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_4 :   1 <= (10 * (sin (PI / 22))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_5 :   1 <= (12 * (sin (PI / 26))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_6 :   1 <= (14 * (sin (PI / 30))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_7 :   1 <= (16 * (sin (PI / 34))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_8 :   1 <= (18 * (sin (PI / 38))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_9 :   1 <= (20 * (sin (PI / 42))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_10 :   1 <= (22 * (sin (PI / 46))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_11 :   1 <= (24 * (sin (PI / 50))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_12 :   1 <= (26 * (sin (PI / 54))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_13 :   1 <= (28 * (sin (PI / 58))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_14 :   1 <= (30 * (sin (PI / 62))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_15 :   1 <= (32 * (sin (PI / 66))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_16 :   1 <= (34 * (sin (PI / 70))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_17 :   1 <= (36 * (sin (PI / 74))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_18 :   1 <= (38 * (sin (PI / 78))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_19 :   1 <= (40 * (sin (PI / 82))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_20 :   1 <= (42 * (sin (PI / 86))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_21 :   1 <= (44 * (sin (PI / 90))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_22 :   1 <= (46 * (sin (PI / 94))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_23 :   1 <= (48 * (sin (PI / 98))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_24 :   1 <= (50 * (sin (PI / 102))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_25 :   1 <= (52 * (sin (PI / 106))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_26 :   1 <= (54 * (sin (PI / 110))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_27 :   1 <= (56 * (sin (PI / 114))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_28 :   1 <= (58 * (sin (PI / 118))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_29 :   1 <= (60 * (sin (PI / 122))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_30 :   1 <= (62 * (sin (PI / 126))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_31 :   1 <= (64 * (sin (PI / 130))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_32 :   1 <= (66 * (sin (PI / 134))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_33 :   1 <= (68 * (sin (PI / 138))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_34 :   1 <= (70 * (sin (PI / 142))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_35 :   1 <= (72 * (sin (PI / 146))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_36 :   1 <= (74 * (sin (PI / 150))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_37 :   1 <= (76 * (sin (PI / 154))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_38 :   1 <= (78 * (sin (PI / 158))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_39 :   1 <= (80 * (sin (PI / 162))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_40 :   1 <= (82 * (sin (PI / 166))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_41 :   1 <= (84 * (sin (PI / 170))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_42 :   1 <= (86 * (sin (PI / 174))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_43 :   1 <= (88 * (sin (PI / 178))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_44 :   1 <= (90 * (sin (PI / 182))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_45 :   1 <= (92 * (sin (PI / 186))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_46 :   1 <= (94 * (sin (PI / 190))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_47 :   1 <= (96 * (sin (PI / 194))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_48 :   1 <= (98 * (sin (PI / 198))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_49 :   1 <= (100 * (sin (PI / 202))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_50 :   1 <= (102 * (sin (PI / 206))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_51 :   1 <= (104 * (sin (PI / 210))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_52 :   1 <= (106 * (sin (PI / 214))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_53 :   1 <= (108 * (sin (PI / 218))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_54 :   1 <= (110 * (sin (PI / 222))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_55 :   1 <= (112 * (sin (PI / 226))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_56 :   1 <= (114 * (sin (PI / 230))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_57 :   1 <= (116 * (sin (PI / 234))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_58 :   1 <= (118 * (sin (PI / 238))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_59 :   1 <= (120 * (sin (PI / 242))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_60 :   1 <= (122 * (sin (PI / 246))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_61 :   1 <= (124 * (sin (PI / 250))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.

Theorem step_toeplitz_at_one_62 :   1 <= (126 * (sin (PI / 254))).
Proof.
  intros; apply Rminus_le; interval with (i_prec 60).
Qed.
