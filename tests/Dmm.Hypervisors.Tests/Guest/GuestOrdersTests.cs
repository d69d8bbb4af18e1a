using System.Text;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Guest;

public sealed class GuestOrdersTests : IAsyncLifetime
{
    private static readonly MemorySize Low = MemorySize.FromMiB(48);

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _written = [];
    private readonly GuestOrders _orders;

    public GuestOrdersTests() => _orders = new GuestOrders(Low, _time);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _orders.DisposeAsync();

    private int Questions => _written.Count(l => l.Contains("sample", StringComparison.Ordinal));

    [Fact]
    public void A_movement_is_asked_about_when_the_answer_is_sure_to_be_newer()
    {
        Open();
        Meet(protocol: 2, Low);
        _orders.AskSample();
        Assert.Empty(_written);
        _time.Advance(GuestOrders.Delay);
        Assert.Equal("{\"t\":\"ask\",\"what\":\"sample\"}\n", Assert.Single(_written));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Single(_written);
    }

    [Fact]
    public void Many_movements_make_few_questions_and_the_last_one_is_asked_about()
    {
        Open();
        Meet(protocol: 2, Low);
        for (var i = 0; i < 100; i++)
        {
            _orders.AskSample();
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.InRange(Questions, 9, 11);
        var before = Questions;
        _orders.AskSample();
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.InRange(Questions, before + 1, before + 2);
    }

    [Fact]
    public void An_agent_that_knows_no_questions_is_asked_none()
    {
        Open();
        _orders.AskSample();
        Meet(protocol: 1, low: null);
        _orders.AskSample();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Questions);
    }

    [Fact]
    public void A_question_kept_back_is_not_put_to_another_agent()
    {
        Open();
        Meet(protocol: 2, Low);
        _orders.AskSample();
        _orders.Close();
        _orders.AskSample();
        Open();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Questions);
    }

    [Fact]
    public void An_agent_is_told_its_settings_until_it_says_that_it_has_them()
    {
        Open();
        Meet(protocol: 2, MemorySize.FromMiB(64));
        Assert.Equal("{\"t\":\"settings\",\"lowKib\":49152}\n", Assert.Single(_written));
        Meet(protocol: 2, Low);
        _time.Advance(TimeSpan.FromMinutes(1));
        Meet(protocol: 2, Low);
        Assert.Single(_written);

        // The agent was started anew and has forgotten its settings.
        Meet(protocol: 2, MemorySize.FromMiB(64));
        Assert.Equal(2, _written.Count);
    }

    [Fact]
    public void An_old_agent_that_answers_each_line_with_a_hello_is_not_talked_to_without_end()
    {
        Open();
        for (var i = 0; i < 100; i++)
            Meet(protocol: 1, low: null);
        Assert.Single(_written);
        _time.Advance(GuestOrders.SettingsInterval);
        Meet(protocol: 1, low: null);
        Assert.Equal(2, _written.Count);
    }

    private void Open() => _orders.Open(line =>
    {
        _written.Add(Encoding.UTF8.GetString(line.Span));
        return true;
    });

    private void Meet(int protocol, MemorySize? low) => _orders.Meet(new(new GuestHello { Protocol = protocol }, low));
}
