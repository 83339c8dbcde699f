//! The tasks of a service or of a node: where they run, since when, and why those that do not run do not.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{
        Timestamp, ago,
        swarm::{Node, Service, Swarm, Task},
    },
    ui::{
        look::Look,
        widget::{
            line::{Ink, Line, draw as draw_lines, heading},
            place,
        },
    },
};

/// Cells of the names of tasks, of nodes, of states, and of ages.
const CELLS: [usize; 4] = [24, 16, 11, 6];

/// Those of a service: first those that are to run, then those that were replaced.
pub(super) fn of_service(
    swarm: &Swarm,
    service: &Service,
    now: Timestamp,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    let (wanted, over): (Vec<&Task>, Vec<&Task>) = swarm
        .tasks_of(&service.id, true)
        .partition(|task| task.is_wanted());
    let mut wanted = wanted;
    wanted.sort_by_key(|task| (task.slot, task.node.clone()));
    let update = service.update.as_ref();
    let told = update.map_or_else(String::new, |one| {
        let words = [one.word(), &*one.message];
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(": ")
    });
    let tasks = wanted.into_iter().chain(over);
    draw(
        &format!("Tasks of {}", service.name),
        &told,
        swarm,
        tasks,
        now,
        look,
        (buffer, area),
    );
}

/// Those that are to run on a node.
pub(super) fn of_node(
    swarm: &Swarm,
    node: &Node,
    now: Timestamp,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    let mut tasks: Vec<&Task> = swarm.tasks_on(&node.id).collect();
    tasks.sort_by_key(|task| swarm.task_name(task));
    let title = format!("Tasks on {}", node.name);
    draw(
        &title,
        &node.message,
        swarm,
        tasks.into_iter(),
        now,
        look,
        (buffer, area),
    );
}

fn draw<'s>(
    title: &str,
    told: &str,
    swarm: &Swarm,
    tasks: impl Iterator<Item = &'s Task>,
    now: Timestamp,
    look: &Look,
    (buffer, area): (&mut Buffer, Rect),
) {
    if area.height == 0 {
        return;
    }
    let (head, body) = place::above(place::inset(area), 1);
    let cells = usize::from(body.width);
    heading(title, told, cells).draw(look, buffer, head);
    let lines: Vec<Line> = tasks
        .take(usize::from(body.height))
        .map(|task| line(swarm, task, now, cells))
        .collect();
    if lines.is_empty() {
        return Line::of("none", Ink::FAINT).draw(look, buffer, body);
    }
    draw_lines(&lines, look, buffer, body);
}

fn line(swarm: &Swarm, task: &Task, now: Timestamp, cells: usize) -> Line {
    // On a narrow screen the names give way.
    let [name, node, state, age] = if cells < 100 { [18, 10, 10, 5] } else { CELLS };
    let ink = match () {
        () if task.failed() => Ink::BAD,
        () if !task.is_wanted() => Ink::FAINT,
        () if task.is_running() => Ink::GOOD,
        () => Ink::BUSY,
    };
    let place = task.node.as_deref().map(|id| {
        let known = swarm.node(id);
        known.map_or(id, |node| &*node.name)
    });
    let plain = if task.is_wanted() {
        Ink::PLAIN
    } else {
        Ink::FAINT
    };
    let short = |text: &str, cells: usize| text.chars().take(cells - 1).collect::<String>();
    let line = Line::new()
        .at(0, &short(&swarm.task_name(task), name), plain)
        .at(name, &short(place.unwrap_or("no node"), node), plain)
        .at(name + node, &short(&task.state, state), ink)
        .at(name + node + state, &ago(now, task.since), Ink::FAINT);
    match swarm.trouble(task) {
        Some(why) => line.at(name + node + state + age, &why, Ink::BAD),
        None => line,
    }
}
