From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.log_of_one_minus: Coq 8.16.1, with the slack 1/1000000 *)
(* step.log_of_one_minus: \log(1 - B) \le -B *)

Theorem step_log_of_one_minus : forall B : R,
  0 <= B <= (1048575 / 1048576) ->
  (ln (1 + (- B))) <= (- B) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect B, i_autodiff B, i_depth 12).
Qed.
