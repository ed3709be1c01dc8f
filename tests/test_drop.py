import torch

from cladenet.layers.drop import DropPath


def test_dropped_paths_are_whole_samples_and_the_others_are_scaled_up() -> None:
    """Of 4000 samples a quarter is 0, within 4 standard deviations; the others are x / 0.75."""
    torch.manual_seed(0)
    x = torch.rand(4000, 3, 2, 2) + 1
    y = DropPath(0.25)(x)
    dropped = (y == 0).flatten(1).all(1)
    assert abs(dropped.float().mean().item() - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5
    torch.testing.assert_close(y[~dropped], x[~dropped] / 0.75)


def test_the_mean_over_draws_is_the_residual_as_it_is_at_test_time() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.4)
    x = torch.randn(5, 7)
    mean = torch.stack([drop(x) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, x, rtol=0.06, atol=0)
    torch.testing.assert_close(drop.eval()(x), x, rtol=0, atol=0)


def test_a_rate_of_0_leaves_all_samples() -> None:
    x = torch.randn(4, 3)
    torch.testing.assert_close(DropPath(0.0)(x), x, rtol=0, atol=0)


def test_draws_are_a_function_of_the_seed() -> None:
    drop, x = DropPath(0.5), torch.ones(64, 1)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return drop(x)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
