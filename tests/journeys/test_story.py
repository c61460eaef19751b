"""The demonstration's story, on real Apache Kafka and separate processes."""

import pytest
from rich.console import Console

from deploy.demo.show import Show
from deploy.demo.stage import Stage
from deploy.demo.story import Story

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_story_of_the_demonstration(on: Stage) -> None:
    await Story(on, Show(Console(highlight=False, width=120))).play()
