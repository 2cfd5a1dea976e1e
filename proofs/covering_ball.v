From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.covering_ball: Coq 8.16.1, as stated *)
(* step.covering_ball: \log(1/\varepsilon) \le \log(1 + 2/\varepsilon) *)

Theorem step_covering_ball : forall eps : R,
  (1 / 1024) <= eps <= (9007199254740991 / 9007199254740992) ->
  (- (ln eps)) <= (ln (1 + (2 / eps))).
Proof.
  intros; apply Rminus_le; interval with (i_bisect eps, i_autodiff eps, i_depth 12).
Qed.
