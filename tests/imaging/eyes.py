"""Drawn eyes in near-infrared: skin, white, lids, lashes, an iris with fibres, a pupil with a highlight."""

from __future__ import annotations

import cv2
import numpy as np


def drawn_eye(width: int, height: int, centre: tuple[int, int], iris: int, pupil: int, seed: int = 0) -> np.ndarray:
    """uint8 (height, width); radii in pixels."""
    rng = np.random.default_rng(seed)
    x, y = centre
    picture = np.full((height, width), 165, np.float32)
    picture += cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), iris / 2) * 6 * iris / 3
    white = np.zeros((height, width), np.uint8)
    cv2.ellipse(white, (x, y + iris // 10), (int(2.1 * iris), int(0.95 * iris)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    eye = np.full((height, width), 190, np.float32)
    grid = np.indices((height, width))
    distance, angle = np.hypot(grid[1] - x, grid[0] - y), np.arctan2(grid[0] - y, grid[1] - x)
    fibres = 10 * np.sin(23 * angle + 3 * np.sin(5 * angle)) + 8 * np.sin(distance / iris * 20)
    eye = np.where(distance < iris, 105 + fibres, eye)
    eye = np.where(distance < pupil, 18, eye)
    cv2.circle(eye, (x + pupil // 3, y - pupil // 4), max(2, pupil // 6), 250, -1, cv2.LINE_AA)
    share = cv2.GaussianBlur(white.astype(np.float32) / 255, (0, 0), max(1.0, iris / 40))
    picture = share * eye + (1 - share) * picture
    for _ in range(40):  # lashes of the upper lid
        across = rng.uniform(-1.8, 1.8) * iris
        start = (int(x + across), int(y + iris / 10 - 0.95 * iris * np.sqrt(max(0, 1 - (across / (2.1 * iris)) ** 2))))
        end = (int(start[0] + rng.normal(0, iris / 6)), int(start[1] - iris * rng.uniform(0.1, 0.35)))
        cv2.line(picture, start, end, 60, max(1, iris // 50), cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), max(0.7, iris / 70)) + rng.normal(0, 2, (height, width))
    return np.clip(picture, 0, 255).astype(np.uint8)
