From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.log_below_tangent: Coq 8.16.1, with the slack 1/1000000 *)
(* step.log_below_tangent: \log x \le x - 1 *)

Theorem step_log_below_tangent : forall x : R,
  (1 / 1024) <= x <= 1024 ->
  (ln x) <= (x + (-1)) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 22).
Qed.
