// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc
internal import HotPaths

/// Plays hot paths: timed in interleaved rounds, or one of them so many times for a tool that counts.
@main
enum HotPathsCommand {
    static let usage = """
        usage: hot-paths time [--rounds N] [NAME...]   nanoseconds per operation: the median of N interleaved rounds
               hot-paths run NAME COUNT                one of them, COUNT times, for callgrind and its like
               hot-paths list                          their names
        """

    /// Not async: the main thread just waits. A path then runs where a server's code runs and not on the main actor, and
    /// there is no main queue whose thread ends, which confuses callgrind.
    static func main() {
        let finished = DispatchSemaphore(value: 0)
        Task.detached {
            await play()
            finished.signal()
        }
        finished.wait()
    }

    private static func play() async {
        do {
            let paths = try HotPath.all()
            var arguments = Array(CommandLine.arguments.dropFirst())
            let verb = arguments.isEmpty ? "" : arguments.removeFirst()
            switch (verb, arguments.count) {
            case ("list", 0): for path in paths { print(path.name) }
            case ("run", 2):
                let path = try choose([arguments[0]], of: paths)[0]
                try await path.run(number("COUNT", arguments[1]))
            case ("time", _):
                var rounds = 15
                if arguments.first == "--rounds" {
                    guard arguments.count > 1, let number = Int(arguments[1]), (1...1_000).contains(number) else {
                        throw CommandProblem("--rounds takes a number from 1 to 1000\n\(usage)")
                    }
                    rounds = number
                    arguments.removeFirst(2)
                }
                try await Timing.table(arguments.isEmpty ? paths : choose(arguments, of: paths), rounds: rounds)
            default: throw CommandProblem(usage)
            }
        } catch {
            let line = "hot-paths: \(error)\n"
            _ = line.withCString { write(2, $0, strlen($0)) }
            exit(2)
        }
    }

    private static func number(_ name: String, _ text: String) throws -> Int {
        guard let number = Int(text), number >= 0 else {
            throw CommandProblem("\(name) is a number, not \(text)\n\(usage)")
        }
        return number
    }

    private static func choose(_ names: [String], of paths: [HotPath]) throws -> [HotPath] {
        try names.map { name in
            guard let path = paths.first(where: { $0.name == name }) else {
                throw CommandProblem("there is no path \(name); `hot-paths list` names them")
            }
            return path
        }
    }
}

/// Why nothing was played.
struct CommandProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
