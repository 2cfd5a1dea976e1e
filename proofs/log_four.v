From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.log_four: Coq 8.16.1, as stated *)
(* step.log_four: 3/4 \le \log 4 \cdot x, \; x \ge 1 *)

Theorem step_log_four : forall x : R,
  1 <= x <= 2 ->
  (3 / 4) <= (x * (ln 4)).
Proof.
  intros; apply Rminus_le; interval with (i_bisect x, i_autodiff x, i_depth 12).
Qed.
