"""The parts of the yard's world model in PyTorch, with the names that their tensors have in the shipped files."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Decoder", "Encoder", "Sizes", "ToGo", "World"]


@dataclass(frozen=True)
class Sizes:
    """Widths and depths of everything that is trained."""

    dim: int = 64
    """Of the encoder, and so of one track's latent."""
    layers: int = 2
    heads: int = 4
    action: int = 32
    hidden: int = 256
    bridge: int = 64
    rows: int = 4
    """Embeddings that the decoder gets for each track."""
    decoder: int = 64
    decoder_layers: int = 2
    decoder_heads: int = 2
    """With one, four answers at once would be 1.5 times as fast as one after the other instead of 1.4 times, but ten
    times as many states with wagons on tracks that training never showed are said wrong (0.16 % instead of 0.01 %)."""
    decoder_forward: int = 128
    to_go: int = 128
    to_go_layers: int = 3
    to_go_heads: int = 4


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, dim = x.shape
        q, k, v = (
            proj(x).view(batch, length, self.heads, -1).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(batch, length, dim))
        return out


class _Block(nn.Module):
    """Pre-norm attention and feed-forward, as the encoder of the world model's file format has them."""

    def __init__(self, dim: int, heads: int, forward: int):
        super().__init__()
        self.attn = _Attention(dim, heads)
        self.ln1, self.ln2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.ff1, self.ff2 = nn.Linear(dim, forward), nn.Linear(forward, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attn(self.ln1(x), mask)
        out: Tensor = x + self.ff2(functional.gelu(self.ff1(self.ln2(x)), approximate="tanh"))
        return out


PIECES = 4
"""A batch of texts is encoded in so many parts of similar length, so that short ones are not as dear as the longest."""


class Encoder(nn.Module):
    """Words of one track to its latent: the mean over the words, normalized."""

    def __init__(self, vocabulary: int, sizes: Sizes):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, sizes.dim)
        nn.init.normal_(self.embed.weight, std=0.5)
        for number in range(sizes.layers):
            self.add_module(f"block_{number}", _Block(sizes.dim, sizes.heads, 4 * sizes.dim))
        self.ln_final = nn.LayerNorm(sizes.dim)
        self.layers = sizes.layers
        self.register_buffer("positions", _sinusoids(64, sizes.dim), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [n, length], 0 where a text has ended → [n, dim]."""
        lengths = (ids != 0).sum(dim=1)
        order = lengths.argsort()
        parts = [self._read(ids[part, : int(lengths[part[-1]])]) for part in order.chunk(PIECES)]
        return torch.cat(parts)[order.argsort()]

    def _read(self, ids: Tensor) -> Tensor:
        real = ids != 0
        mask = real[:, None, None, :]
        x = self.embed(ids) + self.get_buffer("positions")[: ids.shape[1]]
        for number in range(self.layers):
            x = self.get_submodule(f"block_{number}")(x, mask)
        x = self.ln_final(x) * real[..., None]
        return normal(x.sum(dim=1) / real.sum(dim=1, keepdim=True))


def normal(z: Tensor) -> Tensor:
    """LayerNorm without weights: latents keep one scale, however many steps are imagined."""
    return functional.layer_norm(z, z.shape[-1:])


def _sinusoids(length: int, dim: int) -> Tensor:
    position = torch.arange(length, dtype=torch.float64)[:, None]
    angle = position / 10000 ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1).float()


class Transition(nn.Module):
    """What a move makes of one of its two tracks. Actions: 0 a wagon leaves for the other, 1 one comes."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.action_embed = nn.Embedding(2, sizes.action)
        self.fc1 = nn.Linear(2 * sizes.dim + sizes.action, sizes.hidden)
        self.fc2 = nn.Linear(sizes.hidden, sizes.dim)

    def forward(self, own: Tensor, other: Tensor, action: int) -> Tensor:
        embedded = self.action_embed.weight[action].expand(*own.shape[:-1], -1)
        change = self.fc2(functional.relu(self.fc1(torch.cat([own, other, embedded], dim=-1))))
        return normal(own + change)


class ToGo(nn.Module):
    """Moves from a state to a goal, estimated. Tracks are interchangeable: they are looked at without an order."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.fc_in = nn.Linear(2 * sizes.dim, sizes.to_go)
        self.layers = sizes.to_go_layers
        for number in range(self.layers):
            self.add_module(f"block_{number}", _Block(sizes.to_go, sizes.to_go_heads, 2 * sizes.to_go))
        self.ln_final = nn.LayerNorm(sizes.to_go)
        self.fc_out = nn.Linear(sizes.to_go, 1)

    def forward(self, z: Tensor, goal: Tensor) -> Tensor:
        """[n, TRACKS, dim] twice → [n] moves."""
        x = self.fc_in(torch.cat([z, goal], dim=-1))
        for number in range(self.layers):
            x = self.get_submodule(f"block_{number}")(x)
        out: Tensor = self.fc_out(self.ln_final(x).mean(dim=1)).squeeze(-1)
        return out


class World(nn.Module):
    """Encoder, transition, bridge, the projection into the decoder, and the heads."""

    def __init__(self, vocabulary: int, sizes: Sizes):
        super().__init__()
        self.encoder = Encoder(vocabulary, sizes)
        self.world_transition = Transition(sizes)
        self.bridge = nn.Linear(sizes.dim, sizes.bridge)
        self.prefix = nn.Linear(sizes.bridge, sizes.rows * sizes.decoder)
        self.probe = nn.Linear(sizes.dim, 4 * 7)
        """Which wagon, or none, stands in each place of a track."""
        self.disallowed = nn.Linear(2 * sizes.dim, 64)
        self.disallowed_out = nn.Linear(64, 2)
        self.sizes = sizes

    def encode(self, ids: Tensor) -> Tensor:
        """[n, TRACKS, length] → [n, TRACKS, dim]."""
        z: Tensor = self.encoder(ids.flatten(0, 1)).unflatten(0, ids.shape[:2])
        return z

    def step(self, z: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """[n, TRACKS, dim] after the moves source[n] → target[n]."""
        rows = torch.arange(len(z))
        left, reached = z[rows, source], z[rows, target]
        changed = torch.stack([self.world_transition(left, reached, 0), self.world_transition(reached, left, 1)], dim=1)
        return z.scatter(1, torch.stack([source, target], dim=1)[..., None].expand_as(changed), changed)

    def forbidden(self, z: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """[n, 2] logits: nothing stands on the source; the target is full."""
        rows = torch.arange(len(z))
        hidden = functional.relu(self.disallowed(torch.cat([z[rows, source], z[rows, target]], dim=-1)))
        out: Tensor = self.disallowed_out(hidden)
        return out

    def rows(self, z: Tensor) -> Tensor:
        """[n, TRACKS, dim] → [n, TRACKS * rows, width of the decoder]."""
        rows: Tensor = self.prefix(self.bridge(z))
        return rows.reshape(len(z), -1, self.sizes.decoder)


class _RmsNorm(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight, 1e-5)


class _LlamaBlock(nn.Module):
    def __init__(self, dim: int, heads: int, forward: int):
        super().__init__()
        self.heads = heads
        self.attn_norm, self.ffn_norm = _RmsNorm(dim), _RmsNorm(dim)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.ffn_gate, self.ffn_up = (nn.Linear(dim, forward, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(forward, dim, bias=False)

    def forward(self, x: Tensor, rope: Tensor) -> Tensor:
        batch, length, dim = x.shape
        y = self.attn_norm(x)
        q, k, v = (
            proj(y).view(batch, length, self.heads, -1).transpose(1, 2)
            for proj in (self.attn_q, self.attn_k, self.attn_v)
        )
        mixed = functional.scaled_dot_product_attention(_turned(q, rope), _turned(k, rope), v, is_causal=True)
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(batch, length, dim))
        y = self.ffn_norm(x)
        out: Tensor = x + self.ffn_down(functional.silu(self.ffn_gate(y)) * self.ffn_up(y))
        return out


def _turned(x: Tensor, rope: Tensor) -> Tensor:
    """Rotary positions over interleaved pairs, as llama.cpp turns them for its `llama` architecture."""
    cos, sin = rope[: x.shape[2]].unbind(-1)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class Decoder(nn.Module):
    """A language model of llama's architecture, names as in GGUF. It reads embeddings first, then tokens."""

    def __init__(self, vocabulary: int, sizes: Sizes):
        super().__init__()
        width = sizes.decoder
        self.token_embd = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.token_embd.weight, std=0.5)
        self.blk = nn.ModuleList(
            _LlamaBlock(width, sizes.decoder_heads, sizes.decoder_forward) for _ in range(sizes.decoder_layers)
        )
        self.output_norm = _RmsNorm(width)
        self.output = nn.Linear(width, vocabulary, bias=False)
        head = width // sizes.decoder_heads
        angle = torch.arange(256)[:, None] / 10000 ** (torch.arange(0, head, 2) / head)
        self.register_buffer("rope", torch.stack([angle.cos(), angle.sin()], dim=-1), persistent=False)

    def forward(self, rows: Tensor, tokens: Tensor) -> Tensor:
        """rows [n, k, width], tokens [n, length] → logits [n, length, vocabulary] of what follows each token."""
        x = torch.cat([rows, self.token_embd(tokens)], dim=1)
        for block in self.blk:
            x = block(x, self.get_buffer("rope"))
        out: Tensor = self.output(self.output_norm(x[:, rows.shape[1] :]))
        return out


def scaled_lr(step: int, steps: int, warm_up: int = 100) -> float:
    """Cosine down to 2 % after a warm-up, as a factor of the highest rate."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
