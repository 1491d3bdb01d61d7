#include "agent/core_loop.h"

#include <boost/asio/post.hpp>

#include "base/overloaded.h"

namespace tepui::agent {

CoreLoop::CoreLoop(std::unique_ptr<Core> core, std::unique_ptr<coord::Store> store,
                   const env::Clock& clock, Outlets& outlets)
    : core_(std::move(core)),
      store_(std::move(store)),
      clock_(clock),
      outlets_(outlets),
      thread_([this](std::deque<Item> batch) { take(std::move(batch)); }) {}

CoreLoop::~CoreLoop() { stop(); }

void CoreLoop::start(std::vector<FoundContainer> found, std::function<void()> recovered) {
    thread_.start([this, found = std::move(found), recovered = std::move(recovered)]() mutable {
        perform(core_->recover(std::move(found), clock_.now()));
        commit();
        set_timer();
        recovered();
    });
}

void CoreLoop::stop() {
    if (!thread_.stop()) return;
    store_.reset();  // Writes what was committed; its completions find the loop stopped.
}

void CoreLoop::post(Event event) {
    Item item(std::move(event));
    thread_.push(item);
}

bool CoreLoop::read(Reader reader) {
    Item item(std::move(reader));
    return thread_.push(item);
}

void CoreLoop::take(std::deque<Item> batch) {
    for (Item& item : batch) {
        if (auto* reader = std::get_if<Reader>(&item)) {
            (*reader)(core_->state());
        } else if (!ended_) {
            perform(core_->step(std::move(std::get<Event>(item)), clock_.now()));
        }
    }
    if (!ended_ && core_->next_deadline() <= clock_.now().instant) {
        perform(core_->step(Tick{}, clock_.now()));
    }
    commit();
    set_timer();
}

void CoreLoop::perform(Effects effects) {
    for (Effect& effect : effects) perform(effect);
}

void CoreLoop::perform(Effect& effect) {
    std::visit(Overloaded{
                   [this](SendToMaster& x) { outlets_.send_to_master(*x.frame); },
                   [this](ReconnectMaster&) { outlets_.reconnect_master(); },
                   [this](WriteCheckpoint& x) {
                       tokens_.push_back(x.token);
                       for (CheckpointWrite& write : x.writes) {
                           writes_.push_back({std::move(write.key), std::move(write.value)});
                       }
                   },
                   [this](LaunchContainer& x) { outlets_.launch(x); },
                   [this](SignalContainer& x) { outlets_.signal(x.container, x.signal); },
                   [this](DestroyContainer& x) { outlets_.destroy(x.container); },
                   [this](ForgetContainer& x) { outlets_.forget(x.container); },
                   [this](LaunchExecutor& x) { outlets_.launch_executor(x); },
                   [this](LaunchPod& x) { outlets_.launch_pod(x); },
                   [this](UpdateContainer& x) { outlets_.update(x); },
                   [this](SendToExecutor& x) { outlets_.send_to_executor(x); },
                   [this](CloseExecutor& x) { outlets_.close_executor(x.connection); },
                   [this](RemoveSandbox& x) { outlets_.remove_sandbox(x.path); },
                   [this](StartProbe& x) { outlets_.start_probe(x); },
                   [this](StopProbes& x) { outlets_.stop_probes(x.container); },
                   [this](LaunchNested& x) { outlets_.launch_nested(x); },
                   [this](AnswerAsker& x) { outlets_.answer_asker(std::move(x)); },
                   [this](RemoveNestedSandbox& x) { outlets_.remove_nested_sandbox(x.path); },
                   [this](MakeVolume& x) { outlets_.make_volume(x); },
                   [this](RemoveVolume& x) { outlets_.remove_volume(x); },
                   [this](TidyVolumes& x) { outlets_.tidy_volumes(x); },
                   [this](LogLine& x) { outlets_.log(x.severity, x.text); },
                   [this](EndAgent& x) {
                       if (!std::exchange(ended_, true)) outlets_.end(x);
                   },
               },
               effect);
}

void CoreLoop::commit() {
    if (tokens_.empty()) return;
    auto tokens = std::exchange(tokens_, {});
    auto writes = std::exchange(writes_, {});
    store_->commit(std::move(writes), [this, tokens = std::move(tokens)](Result<void> result) {
        if (result) {
            for (const CheckpointToken token : tokens) post(CheckpointWritten{token});
            return;
        }
        // What is on the disk is unknown now: only a new start can tell.
        asio::post(thread_.executor(), [this, text = result.error().text] {
            if (std::exchange(ended_, true)) return;
            outlets_.end({"the checkpoint store failed: " + text});
        });
    });
}

void CoreLoop::set_timer() {
    thread_.wake_at(ended_ ? Instant::max() : core_->next_deadline(), clock_.now().instant);
}

}  // namespace tepui::agent
