From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.log_of_one_plus: Coq 8.16.1, with the slack 1/1000000 *)
(* step.log_of_one_plus: \log(1 + u) \le u *)

Theorem step_log_of_one_plus : forall u : R,
  0 <= u <= 1048576 ->
  (ln (1 + u)) <= u + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_autodiff u, i_depth 40).
Qed.
